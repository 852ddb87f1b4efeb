// An OpenID Connect provider on loopback, over TLS, for tests: `node provider.mjs SETTINGS.json`, from where
// oidc-provider is installed. SETTINGS: port, certificate, key, clients; anybody may sign in who is in `people`.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const require = createRequire(path.join(settings.modules, 'package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const people = settings.people;
const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  findAccount: async (ctx, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
  claims: { openid: ['sub', 'sid'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'email', 'profile', 'groups'],
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async (ctx, resource) => ({
        scope: 'call', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  pkce: { required: () => true },
  conformIdTokenClaims: false,
  cookies: { keys: ['for-tests-alone'] },
  jwks: settings.jwks,
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 300, IdToken: 300 },
});
const tls = { cert: fs.readFileSync(settings.certificate), key: fs.readFileSync(settings.key), passphrase: settings.passphrase };
https.createServer(tls, provider.callback()).listen(settings.port, '127.0.0.1', () => console.log('ready'));
