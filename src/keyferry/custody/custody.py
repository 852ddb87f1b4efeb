"""All of custody, put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.activity import Activity
from keyferry.custody.approvals import Approvals
from keyferry.custody.arrivals import Arrivals
from keyferry.custody.audit import Audit
from keyferry.custody.certificates import Certificates
from keyferry.custody.client_authorities import ClientAuthorities
from keyferry.custody.connections import Connections
from keyferry.custody.current_password import PasswordKeeper
from keyferry.custody.customer_key_requests import CustomerKeyRequests
from keyferry.custody.deployments import Deployments
from keyferry.custody.export_batches import ExportBatches
from keyferry.custody.exports import Exports
from keyferry.custody.factors import Factors
from keyferry.custody.finding import Finding
from keyferry.custody.gate import Gate
from keyferry.custody.generation import Generation
from keyferry.custody.groups import Groups
from keyferry.custody.identities import Identities
from keyferry.custody.invitations import Invitations
from keyferry.custody.job_runs import JobRuns
from keyferry.custody.jobs import Jobs
from keyferry.custody.keks import Keks
from keyferry.custody.key_access import KeyAccess
from keyferry.custody.key_batches import KeyBatches
from keyferry.custody.key_cache import KeyCache
from keyferry.custody.key_choices import KeyChoices
from keyferry.custody.key_life import KeyLife
from keyferry.custody.key_metrics import Metrics
from keyferry.custody.keys import Keys
from keyferry.custody.passkeys import RelyingParty
from keyferry.custody.pool import Pool
from keyferry.custody.provider_keys import ProviderKeys
from keyferry.custody.provider_kinds import Fetch, fetch_nothing
from keyferry.custody.providers import Providers
from keyferry.custody.refreshing import Refreshing
from keyferry.custody.reminders import Reminders, Reminding
from keyferry.custody.rotation import Rotation
from keyferry.custody.server_policy import ServerPolicies
from keyferry.custody.states import States
from keyferry.custody.tokens import Issue, Tokens
from keyferry.custody.trusted_certificates import TrustedCertificates
from keyferry.custody.trusted_issuers import MayFetch, TrustedIssuers
from keyferry.custody.users import Users
from keyferry.custody.uses import Uses
from keyferry.custody.workloads import Workloads
from keyferry.material.sealing import Sealer
from keyferry.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an installation may set. Times in microseconds; `pool` is how many keys of each type are kept ready.

    Attributes:
        fetch: reads what identity providers publish.
        may_fetch: judges the addresses that issuers' keys shall be fetched from.
        relying_party: whom passkeys are for; None for a server without a public name.
    """

    kek_policy: str = "any"
    destruction_pending: Microseconds = 7 * 86_400 * SECOND
    session_lifetime: Microseconds = 12 * 3600 * SECOND
    pool: Mapping[str, int] = field(default_factory=dict)
    fetch: Fetch = fetch_nothing
    may_fetch: MayFetch
    relying_party: RelyingParty | None = None


class Custody:
    """Every operation, by the noun that it is about."""

    def __init__(self, store: Store, sealer: Sealer, rules: Rules, passwords: PasswordKeeper, issue: Issue) -> None:
        self.gate = Gate(store, sealer)
        self.server_policy = ServerPolicies(self.gate)
        self.users = Users(self.gate, passwords)
        self.invitations = Invitations(self.gate)
        self.groups = Groups(self.gate)
        self.activity = Activity(store)
        self.factors = Factors(self.gate, passwords, rules.relying_party)
        self.tokens = Tokens(self.gate, self.activity, issue, rules.session_lifetime)
        self.trusted_certificates = TrustedCertificates(store, sealer)
        self.client_authorities = ClientAuthorities(self.gate, self.trusted_certificates)
        self.certificates = Certificates(self.gate, self.activity, self.trusted_certificates)
        self.pool = Pool(store, sealer, rules.pool)
        self.generation = Generation(self.pool)
        self.keys = Keys(self.gate, self.generation)
        self.finding = Finding(self.gate)
        self.key_batches = KeyBatches(self.gate, self.generation)
        self.key_access = KeyAccess(self.gate)
        self.key_choices = KeyChoices(self.gate)
        self.key_life = KeyLife(self.gate, self.activity)
        self.states = States(self.gate, self.generation, rules.destruction_pending)
        self.key_cache = KeyCache()
        self.uses = Uses(self.gate, self.key_cache, self.activity)
        self.keks = Keks(self.gate)
        self.exports = Exports(self.gate, rules.kek_policy)
        self.export_batches = ExportBatches(self.gate, rules.kek_policy)
        self.jobs = Jobs(store, sealer)
        self.rotation = Rotation(store, sealer, self.generation)
        self.reminding = Reminding(store, sealer)
        self.reminders = Reminders(self.gate)
        self.job_runs = JobRuns(self.gate)
        self.connections = Connections(self.gate, self.jobs.scrub_soon)
        self.deployments = Deployments(self.gate)
        self.providers = Providers(self.gate, rules.fetch, self.jobs.scrub_soon)
        self.provider_keys = ProviderKeys(self.gate, self.jobs.scrub_soon)
        self.refreshing = Refreshing(store, sealer, rules.fetch)
        self.identities = Identities(self.gate)
        self.arrivals = Arrivals(self.gate)
        self.customer_key_requests = CustomerKeyRequests(self.gate)
        self.trusted_issuers = TrustedIssuers(self.gate, rules.may_fetch)
        self.workloads = Workloads(self.gate)
        self.metrics = Metrics(self.gate)
        self.approvals = Approvals(self.gate)
        self.audit = Audit(self.gate)
