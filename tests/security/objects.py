"""What is asked for, by name: each makes a fresh one for who will ask, and answers its reference."""

from tests.security.house import CIPHERTEXTS, NAMES, TRIALS, House
from tests.security.standings import GROUP

from keyferry.custody.deployment_steps import Step
from keyferry.material.secret import Secret


def nothing(_house: House, _column: str) -> str:
    return ""


def a_numbered_audit_log(house: House, _column: str) -> str:
    house.kit.background.tick()
    return ""


def the_group(_house: House, _column: str) -> str:
    return GROUP


def an_empty_group(house: House, _column: str) -> str:
    return house.empty_group()


def the_owner(house: House, _column: str) -> str:
    return house.owner.user_id


def a_user(house: House, _column: str) -> str:
    return house.user()


def a_user_without_password(house: House, _column: str) -> str:
    return house.user(without_password=True)


def a_disabled_user(house: House, _column: str) -> str:
    return house.user(disabled=True)


def a_user_with_factor(house: House, _column: str) -> str:
    return house.user_with_factor()[0]


def anothers_factor(house: House, _column: str) -> str:
    return house.user_with_factor()[1]


def a_token(house: House, _column: str) -> str:
    return house.token()


def a_certificate(house: House, _column: str) -> str:
    return house.certificate()


def a_provider(house: House, _column: str) -> str:
    return house.provider()


def a_provider_with_a_next_key(house: House, _column: str) -> str:
    return house.provider_with_a_next_key()


def a_provider_with_an_earlier_key(house: House, _column: str) -> str:
    return house.provider_with_an_earlier_key()


def an_earlier_authority(house: House, _column: str) -> str:
    return house.earlier_authority()


def a_tested_provider(house: House, _column: str) -> str:
    return house.trial()


def an_identity(house: House, _column: str) -> str:
    return house.identity()[1]


# Where the address of a page names one thing, and its form another: both, with a bar between them.


def a_user_and_their_identity(house: House, _column: str) -> str:
    user, identity = house.identity()
    return f"{user}|{identity}"


def the_owner_and_a_token(house: House, _column: str) -> str:
    return f"{house.owner.user_id}|{house.token()}"


def the_owner_and_a_certificate(house: House, _column: str) -> str:
    return f"{house.owner.user_id}|{house.certificate()}"


def a_provider_and_its_test(house: House, _column: str) -> str:
    provider = house.trial()
    return f"{provider}|{TRIALS[provider]}"


def a_key_and_a_connection(house: House, column: str) -> str:
    return f"{house.key(column)}|{NAMES[house.connection()]}"


def two_deployments(house: House, column: str) -> str:
    return f"{house.deployment(column)}|{house.deployment(column)}"


def an_issuer(house: House, _column: str) -> str:
    return house.issuer()


def a_workload(house: House, _column: str) -> str:
    return house.workload()


def a_key(house: House, column: str) -> str:
    return house.key(column)


def an_aes_key(house: House, column: str) -> str:
    return house.key(column, algorithm="aes-128")


def an_aes_key_that_encrypted(house: House, column: str) -> str:
    key = an_aes_key(house, column)
    CIPHERTEXTS[key] = house.custody.uses.encrypt(house.owner, key, Secret(b"text")).ciphertext
    return key


def an_aes_key_that_wrapped(house: House, column: str) -> str:
    key = an_aes_key(house, column)
    CIPHERTEXTS[key] = house.custody.uses.wrap(house.owner, key, Secret(bytes(16))).ciphertext
    return key


def a_pre_active_key(house: House, column: str) -> str:
    return house.key(column, activated=False)


def a_rotated_key(house: House, column: str) -> str:
    key = house.key(column)
    house.custody.states.rotate(house.owner, key)
    return key


def a_key_to_be_destroyed(house: House, column: str) -> str:
    key = house.key(column, activated=False)
    house.custody.states.destroy(house.owner, key)
    return key


def an_export(house: House, column: str) -> str:
    return house.export(column)


def a_fresh_kek(house: House, _column: str) -> str:
    return next(house.keks).identifier


def a_registered_kek(house: House, _column: str) -> str:
    return house.registered_kek()


def a_connection(house: House, _column: str) -> str:
    return house.connection()


def a_deployment(house: House, column: str) -> str:
    return house.deployment(column)


def an_imported_deployment(house: House, column: str) -> str:
    return house.deployment(column, Step.IMPORTED)


def a_deployment_through_a_connection(house: House, column: str) -> str:
    return house.deployment_through(column)


def a_deployment_that_the_server_imported(house: House, column: str) -> str:
    return house.deployment_through(column, Step.IMPORTED)


def a_customer_key_request_of_deployments(house: House, column: str) -> str:
    return house.request_of_deployments(column)


def a_customer_key_request(house: House, column: str) -> str:
    return house.customer_key_request(column)


def an_approval_request(house: House, column: str) -> str:
    return house.approval(column)
