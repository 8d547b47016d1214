"""The server's codes in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_FIELD_WORDS: Mapping[tuple[str, str], str] = {
    ("externalId", "value_already_exist"): "This external id is taken. Choose another one.",
    ("currency", "currencies_does_not_match"): "The currency is fixed once a plan or an invoice exists.",
    ("externalId", "value_is_locked"): "This is fixed once something is attached to the customer.",
    ("coupon", "coupon_is_not_reusable"): "This customer had it before, and it is given only once.",
    ("amountCents", "value_is_out_of_range"): "This is more than what is due.",
    ("amountCents", "invalid_amount"): "Credits are paid whole: the amount is the invoice's total.",
    ("now", "value_is_out_of_range"): "The clock only moves forward. Choose a later date.",
    ("planCode", "unsupported_value"): "This plan cannot be taken.",
    ("password", "value_is_invalid"): "8 characters or more, with lower and upper case, a digit and a special one.",
    ("newPassword", "value_is_invalid"): "8 characters or more, with lower and upper case, a digit and a special one.",
    ("email", "user_already_exists"): "This address has an account already. Log in instead.",
    ("email", "email_already_used"): "Somebody with this address is a member already.",
    ("slug", "value_is_invalid"): "3 to 40 of a-z, 0-9 and -, with a letter or digit at both ends.",
    ("slug", "value_is_reserved"): "This word has a meaning of its own here. Choose another one.",
    ("authenticationMethods", "value_is_too_short"): "At least one way to log in stays enabled.",
    ("customer", "wallet_limit_reached"): "The customer has as many active wallets as there may be. End one first.",
    ("rateAmount", "value_is_out_of_range"): "A credit is worth more than 0, with 5 decimals at most.",
    ("priority", "value_is_invalid"): "A whole number from 1 to 50.",
    ("expirationAt", "invalid_date"): "Choose a time that is still to come.",
    ("recurringTransactionRules", "invalid_recurring_rule"): "The wallet cannot have such a rule.",
    **{
        (f"{kind}Credits", code): "Write credits as a number, such as 100 or 12.5."
        for kind in ("paid", "granted", "voided")
        for code in (f"invalid_{kind}_credits", "invalid_amount")
    },
    ("confirmName", "value_is_invalid"): "This is not its name.",
    ("permissions", "value_is_mandatory"): "Allow at least one thing.",
    ("values", "value_is_mandatory"): "Choose at least one value.",
    ("thresholds", "value_is_mandatory"): "Write at least one threshold.",
    ("events", "too_many_events"): "At most 100 events.",
    ("events", "invalid_event"): "An event has a timestamp in Unix seconds and properties.",
}
_WORDS: Mapping[str, str] = {
    "value_is_mandatory": "This cannot be empty.",
    "value_already_exist": "This is taken already.",
    "value_is_duplicated": "Something is written twice.",
    "value_not_in_select_options": "This is none of its options.",
    "invalid_format": "A list needs at least one option, separated by commas.",
    "value_is_invalid": "This is not a valid value.",
    "value_is_too_long": "This is too long.",
    "value_is_too_short": "This is too short.",
    "value_is_out_of_range": "This is out of range.",
    "invalid_amount": "This is not a price: write a number such as 0.05.",
    "invalid_rate": "This is not a rate: write a number such as 2.5.",
    "invalid_fixed_amount": "This is not an amount: write a number such as 0.30.",
    "invalid_package_size": "A package has at least one unit, and no broken ones.",
    "invalid_free_units": "Write a whole number of units.",
    "invalid_free_units_per_events": "Write a whole number of transactions, 1 or more.",
    "invalid_free_units_per_total_aggregation": "Write an amount such as 500.",
    "per_transaction_max_lower_than_per_transaction_min": "This is less than a transaction costs at least.",
    "invalid_graduated_ranges": "Each tier ends above the one before it.",
    "invalid_volume_ranges": "Each tier ends above the one before it.",
    "invalid_graduated_percentage_ranges": "Each tier ends above the one before it.",
    "invalid_aggregation_type_or_charge_model": "The metric or the charge model does not allow this.",
    "invalid_billable_metric_or_charge_model": "The metric or the charge model does not allow this.",
    "alert_already_exists": "Another alert watches this already: give it more thresholds.",
    "too_many_thresholds": "These are too many thresholds.",
    "duplicate_threshold_values": "Two thresholds have the same value.",
    "recurring_value_is_negative": "A step is more than 0.",
    "duplicated_values": "Two steps have the same amount.",
    "missing_amount_cents": "Write an amount.",
    "invalid_charge_model": "This charge is priced event by event: set a unit price too.",
    "already_exists": "This fee was set by hand already. Reset it first.",
    "amount_rounds_to_zero": "This is worth less than the smallest coin. Write more credits.",
    "amount_below_minimum": "This is less than the wallet lets buy at once.",
    "amount_above_maximum": "This is more than the wallet lets buy at once.",
    "insufficient_credits": "The wallet does not hold so many credits.",
    "must_be_greater_than_or_equal_min": "The most cannot be below the least.",
    "below_threshold": "A target is not below the threshold.",
    "wallet_is_terminated": "The wallet has ended.",
    "invalid_content_type": "Choose a PNG or JPEG image.",
    "invalid_size": "The image is larger than 800 KB.",
    "invalid_fee_types": "Choose from the list.",
    "value_is_not_a_number": "This is not a number.",
    "invalid_value": "This is not an amount of this currency.",
    "invalid_timezone": "Choose a time zone from the list.",
    "invalid_email_format": "Write one address, or several separated by commas.",
    "invalid_date": "This is not a date that can be used here.",
    "currencies_does_not_match": "The currencies do not match.",
    "incorrect_login_or_password": "The e-mail or the password is wrong.",
    "login_method_not_authorized": "Your organization does not allow this way to log in.",
    "last_admin": "The only admin stays admin. Make somebody else admin first.",
    "cannot_revoke_own_membership": "Nobody removes themselves. Ask another admin.",
    "cannot_grant_admin": "Only an admin makes somebody admin.",
    "cannot_update_accepted_invite": "The invitation was accepted already. Change the member's role instead.",
    "cannot_update_revoked_invite": "The invitation was withdrawn already.",
    "role_not_found": "Choose at least one role.",
    "invite_already_exists": "This address has an invitation already. Copy its link below.",
    "invalid_role": "Choose at least one role.",
    "last_non_expiring_api_key": "This is the last key that does not end. Rotate it instead.",
    "signup_disabled": "Signing up is closed here.",
    "org_must_be_in_eu": "Your organization needs an address in the European Union. Set its country under General.",
    "okta_integration_missing": "Connect Okta first.",
    "google_auth_missing_setup": "This installation is not registered with Google. Log in another way.",
    "google_auth_unavailable": "Google does not answer at the moment. Try again, or log in another way.",
    "invalid_google_code": "Google did not confirm this. Try again.",
    "invalid_google_token": "Google did not confirm this, or its confirmation is too old. Try again.",
    "user_does_not_exist": "Nobody here has this address. Ask for an invitation, or sign up.",
    "state_not_found": "This took too long, or began in another browser. Try again.",
    "code_not_found": "The provider did not confirm this. Try again.",
    "domain_not_configured": "No organization has connected this address's domain with Okta.",
    "okta_request_error": "Okta does not answer, or refuses this organization. Try again, or ask an admin.",
    "invalid_okta_token": "Okta's confirmation cannot be trusted. Ask an admin to check the connection.",
    "okta_userinfo_error": "Okta says that you are somebody else. Log in with the address that you wrote.",
    "invite_not_found": "This invitation was withdrawn or used already.",
    "invite_email_mistmatch": "The invitation is for another address.",
    "invite_email_mismatch": "The invitation is for another address.",
    "not_organization_member": "You were removed from this organization. Ask an admin.",
    "domain_not_unique": "Another organization has connected this domain already.",
    "host_invalid": "Write the host alone, such as login.example.com.",
    "enabled_authentication_methods_required": "Allow another way to log in first.",
    "rate_limited": "Too many attempts. Wait fifteen minutes and try again.",
    "clock_is_advancing": "The clock is being advanced already. Wait until it has arrived.",
    "is_not_failed": "Only failed jobs can be retried.",
    "is_queued": "The same work is queued already.",
    "concurrency_conflict": "Somebody changed this at the same moment. Try again.",
    "lock_acquisition_failed": "Somebody is changing this. Try again in a moment.",
    "invalid_custom_aggregator": "This code cannot run.",
    "invalid_expression": "This is not an expression.",
    "not_found": "This no longer exists.",
    "feature_unavailable": "This cannot be done with this kind of invoice.",
}

REFUSALS = frozenset(
    """google_auth_missing_setup google_auth_unavailable invalid_google_code invalid_google_token user_does_not_exist
    state_not_found code_not_found domain_not_configured okta_request_error invalid_okta_token okta_userinfo_error
    invite_not_found invite_email_mistmatch invite_email_mismatch not_organization_member signup_disabled
    user_already_exists login_method_not_authorized internal_error""".split()
)
"""Why a single sign-on may end on the log in page."""


def in_words(code: str, field: str = "") -> str:
    """A code for people; an unknown one by its own name rather than hidden."""
    return _FIELD_WORDS.get((field, code)) or _WORDS.get(code) or code.replace("_", " ").capitalize() + "."


def field_errors(fields: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """One text per field; what two codes say alike stands there once."""
    return {name: " ".join(dict.fromkeys(in_words(code, name) for code in codes)) for name, codes in fields.items()}


def toast_words(code: str | None, fields: Mapping[str, Iterable[str]]) -> str:
    """One sentence for everything that went wrong, where no field stands beside it."""
    details = field_errors(fields)
    return next(iter(details.values()), None) or in_words(code or "internal_error")
