"""Where our answers differ from the contract's types on purpose, with the reason. Everything else fails a test."""

from __future__ import annotations

OUR_KEYS: dict[str, str] = {
    r"\.tax(es)?(\[\])?\.(add_ons|customers|plans|charges|commitments)_count$": "spec 05 A1: always 0",
    r"\.tax(es)?(\[\])?\.applied_to_billing_entities_codes$": "spec 05 A1",
    r"\.customers?(\[\])?\.external_salesforce_id$": "spec 03 §1.1",
    r"\.plans?(\[\])?\.(pending_deletion|parent_id|applicable_usage_thresholds)$": "spec 03 §2.1",
    r"\.minimum_commitment\.commitment_type$": "spec 02 §12",
    r"\.charges_usage\[\]\.charge\.code$": "spec 01 §10.2",
    r"\.charges_usage\[\]\.explanation$": "asked for with explain=true (spec 09 §2)",
    r"\.filters?(\[\])?\.(created_at|lago_id|charge_code)$": "one form of a charge's filter everywhere (spec 02 §2)",
    r"\.subscriptions?(\[\])?\.(progressive_billing_disabled|applicable_usage_thresholds|plan)$": "spec 03 §6.1",
    r"\.organization\.(email_settings|subscription_invoice_issuing_date_(anchor|adjustment))$": "spec 04 §23",
    r"\.invoices?(\[\])?\.(xml_url|voided_at|total_(paid|due)_amount_cents|purchase_order_number"
    r"|total_offsetted_credit_note_amount_cents)$": "spec 04 §1.3",
    r"\.customer\.(taxes|error_details|applicable_invoice_custom_sections)$": "one form of a customer (spec 03 §1.4)",
    r"\.fees?(\[\])?\.lago_original_fee_id$": "spec 02 §11.1",
    r"\.credit_notes?(\[\])?\.(voided_at|precise_(total|taxes)_amount_cents)$": "spec 05 C2, C8",
    r"\.credit_notes?(\[\])?\.items\[\]\.precise_amount_cents$": "spec 05 C2",
    r"\.credit_notes?(\[\])?\.customer\.integration_customers$": "one form of a customer (spec 03 §1.4)",
    r"\.credits\[\]\.item\.description$": "spec 04 §1.3",
    r"\.triggered_alert\.(lago_wallet_id|wallet_code)$": "of a wallet's alert (spec 07 §9.4)",
    r"\.properties\.custom_properties$": "custom aggregations (spec 02 §3)",
}
"""Expressions for the ends of paths like ``.fees[].id``: keys beyond the contract's schema."""

DECIDED: dict[str, str] = {
    r"\.expression: None is not string$": "null without one (spec 01 §1.1)",
    r"/events.* 200\.events?(\[\d+\])?\.external_subscription_id: None": "not enforced (spec 01 §2.2)",
    r"/events.* 200\.events?(\[\d+\])?\.properties\.\w+: .* is (not string|none of)": "values: any JSON (spec 01 §2.2)",
    r"/events/\w*estimate\w* 200\.fees\[\d+\]\.\w*precise\w*: .* is not number$": "wire strings (spec 01 §11.2)",
    r"\.amount_details\.(paid|free)_events: '\d+\.\d+' is not integer$": "decimal text in advance (spec 02 §10, row 6)",
    r"^POST /invoices/preview 200\.invoice\.[\w.\[\]]*\.lago_\w*id: None": "nothing is stored (spec 04 §15)",
    r"\.balance is missing$": "required without a type or a meaning; spec 05 D1 lists what a wallet shows",
    r" 429\.code is not in the contract$": "`rate_limited` (spec 07 §1.4)",
    r"^webhook invoice\.payment_failure\.payment_provider_invoice_payment_error\.(error_details is not"
    r"|payment_provider: None|provider_error: None)": "told even to a customer without a provider (spec 06 §5.5, §5.6)",
    r"^webhook invoice\.payment_dispute_lost\.payment_dispute_lost\.\w+ is (missing|not in the contract)$": "one "
    "level deeper (spec 06 §9.5)",
    r"^webhook invoice\.ready_to_finalize$": "not in the contract's list (spec 04 §2.4)",
    r"^webhook wallet\.(created|updated|terminated)$": "not in the contract's list (spec 06 §16.7)",
    r"^webhook credit_note\.refund_failure\.organization_id is not in the contract$": "required without a type",
    r"^POST /invoices 200\.invoice\.status: 'closed'": "an empty one that the settings do not issue (spec 04 §7)",
    r"422\.error_details: .* is not object$": "an expression's failure is bare text (spec 01 §3.5)",
    r"422\.error_details is missing$": "codes of states without fields (spec 07 §1.4)",
    r"\.graduated_ranges\[\d+\]\.(from|to)_value: .* is not integer": "ranges may have decimals (spec 02 §5)",
    r"\.grouped_by\.\w+: None is not string$": "the null group of usage (spec 00, point 35)",
    r"usage\[\d+\]\.filters\[\d+\]\.(values|invoice_display_name): None": "what matches no filter (spec 01 §10.2)",
    r"/projected_usage 200\..*\.groups is missing$": "required without a type; it is `grouped_usage` (spec 01 §10.7)",
    r"/projected_usage 200\..*\.charge\.invoice_display_name: None": "null = none, as in current usage",
    r"\.charge_model: 'custom' is none of": "custom aggregations (spec 02 §3)",
    r"\.aggregation_type: 'custom_agg' is none of": "custom aggregations (spec 01 §1.1)",
    r"usage\[\d+\]\.charge\.charge_model: '(dynamic|graduated_percentage)' is none": "spec 02 §3",
    r"\.invoice_type: 'advance_charges' is none of": "regrouped paid fees (spec 04 §1.1)",
    r"^PUT /invoices/\{lago_id\} 200\.invoice\.status: 'open'": "a purchase that waits for its payment (spec 05 D4)",
    r"^GET /analytics/(mrr|invoice_collection) 200\.\w+\[\d+\]\.(amount_cents|currency|payment_status): None": "an "
    "empty month (spec 07 §8.5, §8.7)",
    r"\.(applicable_)?timezone: '[\w/+-]+' is none of": "any zone of the IANA database (spec 03 §1.1)",
    r"\.minimum_commitment\.invoice_display_name: None": "null = none (spec 02 §12)",
    r"\.alerts?(\[\d+\])?\.billable_metric: None": "null for what is not a metric's (spec 07 §9.4)",
    r"^POST /\S+/alerts 200\.alerts? is missing$": "one alert or a list of them: two answers (spec 07 §9.4)",
    r"^webhook alert\.triggered\.triggered_alert\.(\w*subscription_id: None|alert_type: 'wallet_)": "of a wallet "
    "(spec 07 §9.4)",
    r"\.entitlements?(\[\d+\])?\.privileges\[\d+\]\.plan_value: None": "the plan grants no value (spec 07 §9.3)",
    r"^GET /api_logs.* 200\.api_logs?(\[\d+\])?\.request_(body|response): \{.*\} is not string$": "JSON "
    "objects, as the client has them (spec 07 §9.2)",
}
"""Expressions for whole complaints that a chapter of the specification has decided."""
