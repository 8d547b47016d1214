"""What spec 07 says about who may do what, written down from its text and from nowhere else.

``ROLES``: §3.3. ``RESOURCES``: §2.4. ``OPERATIONS``: §6.2 and §5.4. ``PAGES``: §7. Whatever the product has beyond the
spec stands in a group of its own that says what it was likened to.
"""

from __future__ import annotations

import re

ADMIN, MANAGER, FINANCE = "admin", "manager", "finance"
_LETTERS = {"A": ADMIN, "M": MANAGER, "F": FINANCE}

_ROLES = """
addons:view AMF | addons:create A | addons:update A | addons:delete A
analytics:view AF
audit_logs:view A
authentication_methods:view A | authentication_methods:update A
billable_metrics:view A | billable_metrics:create A | billable_metrics:update A | billable_metrics:delete A
billing_entities:view AMF | billing_entities:create AF | billing_entities:update AF | billing_entities:delete AF
charges:create A | charges:update A | charges:delete A
coupons:view AMF | coupons:create A | coupons:update A | coupons:delete A | coupons:attach AM | coupons:detach AM
credit_notes:view AMF | credit_notes:create AMF | credit_notes:update AMF | credit_notes:void AMF
credit_notes:export AMF | credit_notes:send AMF
customers:view AMF | customers:create AM | customers:update AM | customers:delete AM
developers:manage A | developers:keys:manage A
dunning_campaigns:view AMF | dunning_campaigns:create AF | dunning_campaigns:update AF | dunning_campaigns:delete AF
features:view A | features:create A | features:update A | features:delete A
invoices:view AMF | invoices:send AMF | invoices:create AMF | invoices:update AMF | invoices:void AMF
invoices:export AMF | invoices:delete A
invoice_custom_sections:view AF | invoice_custom_sections:create AF | invoice_custom_sections:update AF
invoice_custom_sections:delete AF
organization:view AF | organization:update AF
organization:invoices:view AF | organization:invoices:update AF
organization:taxes:view A | organization:taxes:update A
organization:emails:view A | organization:emails:update A
organization:integrations:view AF | organization:integrations:create AF | organization:integrations:update AF
organization:integrations:delete AF
organization:members:view A | organization:members:create A | organization:members:update A
organization:members:delete A
payments:view AMF | payments:create AMF
payment_methods:view A | payment_methods:create A | payment_methods:update A | payment_methods:delete A
payment_receipts:view AMF | payment_receipts:send AMF
plans:view AMF | plans:create A | plans:update A | plans:delete A
roles:view A | roles:create A | roles:update A | roles:delete A
security_logs:view A
subscriptions:view AMF | subscriptions:create AM | subscriptions:update AM
wallets:create AM | wallets:update AM | wallets:top_up AM | wallets:terminate AM
"""

ROLES: dict[str, frozenset[str]] = {
    name: frozenset(_LETTERS[letter] for letter in letters)
    for name, letters in (entry.split() for line in _ROLES.strip().splitlines() for entry in line.split(" | "))
}
"""Permission -> roles that have it."""


def roles_with(*names: str) -> frozenset[str]:
    """Roles that have any of these permissions."""
    return frozenset().union(*(ROLES[name] for name in names))


# --- REST -----------------------------------------------------------------------------------------------------------

READ_ONLY = frozenset({"activity_log", "analytic", "api_log", "customer_usage", "webhook_jwt_public_key"})
_RESOURCES = """
activity_log: /activity_logs
add_on: /add_ons
alert: /subscriptions/{}/alerts /customers/{}/wallets/{}/alerts
analytic: /analytics
api_log: /api_logs
applied_coupon: /applied_coupons /customers/{}/applied_coupons /integrations/salesforce/{}/coupons
billable_metric: /billable_metrics
billing_entity: /billing_entities
coupon: /coupons
credit_note: /credit_notes /customers/{}/credit_notes
customer: /customers /integrations/salesforce/{}/accounts
customer_usage: /customers/{}/current_usage /customers/{}/past_usage /customers/{}/projected_usage
event: /events
feature: /features
fee: /fees
invoice: /invoices /customers/{}/invoices
invoice_custom_section:
lifetime_usage: /subscriptions/{}/lifetime_usage
organization: /organizations /test_clock
payment: /payments /customers/{}/payments
payment_method: /customers/{}/payment_methods
payment_receipt: /payment_receipts
payment_request: /payment_requests /customers/{}/payment_requests
plan: /plans
subscription: /subscriptions /customers/{}/subscriptions /integrations/salesforce/{}/opportunities
subscription: /integrations/salesforce/{}/quotes /integrations/salesforce/{}/subscriptions
tax: /taxes
wallet: /wallets /customers/{}/wallets
wallet_transaction: /wallet_transactions /wallets/{}/wallet_transactions
webhook_endpoint: /webhook_endpoints
webhook_jwt_public_key: /webhooks/public_key /webhooks/json_public_key
"""

_PREFIXES = {
    prefix + "/": resource
    for resource, _, prefixes in (line.partition(":") for line in _RESOURCES.strip().splitlines())
    for prefix in prefixes.split()
}
API_RESOURCES = frozenset(line.partition(":")[0] for line in _RESOURCES.strip().splitlines())


def resource_of(path: str) -> str | None:
    """The resource that guards a path below ``/api/v1``, parameters in braces; ``None`` if §2.4 names none."""
    plain = re.sub(r"\{[^}]*\}", "{}", path) + "/"
    return _PREFIXES.get(max((prefix for prefix in _PREFIXES if plain.startswith(prefix)), key=len, default=""))


def mode_of(method: str) -> str:
    """GET reads; every other verb writes, also where nothing changes (§2.4)."""
    return "read" if method == "GET" else "write"


# --- GraphQL --------------------------------------------------------------------------------------------------------

PUBLIC, SESSION, MEMBER, PORTAL = "public", "session", "member", "portal"

_OPERATIONS = """
public: currentVersion invite passwordReset registerUser loginUser acceptInvite createPasswordReset resetPassword
public: googleAuthUrl googleLoginUser googleRegisterUser googleAcceptInvite oktaAuthorize oktaLogin oktaAcceptInvite
session: currentUser createSandboxOrganization
member: organization updateOrganization resetSandboxOrganization destroySandboxOrganization sandboxContents taxes tax
organization:members:view: memberships invites
organization:members:create: createInvite
organization:members:update: updateInvite updateMembership
organization:members:delete: revokeInvite revokeMembership
organization:integrations:create authentication_methods:update: createOktaIntegration
organization:integrations:update authentication_methods:update: updateOktaIntegration
organization:integrations:delete authentication_methods:update: destroyIntegration
developers:keys:manage: apiKeys apiKey createApiKey updateApiKey rotateApiKey destroyApiKey
developers:manage: webhookEndpoints webhookEndpoint createWebhookEndpoint updateWebhookEndpoint
developers:manage: destroyWebhookEndpoint webhooks webhook retryWebhook eventTypes events event
developers:manage: advanceTestClock testClock
developers:manage: ingestionSources ingestionSource createIngestionSource updateIngestionSource
developers:manage: destroyIngestionSource checkIngestionSource pauseIngestionSource resumeIngestionSource
developers:manage: resetIngestionSource ingestionDeadLetters retryIngestionDeadLetters discardIngestionDeadLetters
developers:manage: apiLogs apiLog auditFindings
audit_logs:view: activityLogs activityLog
billable_metrics:view: billableMetrics billableMetric evaluateBillableMetricExpression
billable_metrics:create: createBillableMetric testCustomAggregator
billable_metrics:update: updateBillableMetric
billable_metrics:delete: destroyBillableMetric
plans:view: plans plan
plans:create: createPlan
plans:update: updatePlan replacePlanEntitlements
plans:delete: destroyPlan
billing_entities:view: billingEntities billingEntity
billing_entities:update: updateBillingEntity
features:view|subscriptions:update: features
features:view: feature
features:create: createFeature
features:update: updateFeature destroyPrivilege
features:delete: destroyFeature
subscriptions:update: overrideSubscriptionEntitlements removeSubscriptionEntitlement
addons:view: addOns addOn
addons:create: createAddOn
addons:update: updateAddOn
addons:delete: destroyAddOn
coupons:view: coupons coupon appliedCoupons
coupons:create: createCoupon
coupons:update: updateCoupon terminateCoupon
coupons:delete: destroyCoupon
coupons:attach: createAppliedCoupon
coupons:detach: terminateAppliedCoupon
organization:taxes:update: createTax updateTax destroyTax
customers:view: customers customer customerUsage wallets wallet walletTransactions walletTransaction
customers:view: generateCustomerPortalUrl
customers:create: createCustomer
customers:update: updateCustomer updateCustomerInvoiceGracePeriod generateCheckoutUrl
customers:delete: destroyCustomer
subscriptions:view: subscriptions subscription
subscriptions:create: createSubscription
subscriptions:update: updateSubscription terminateSubscription
wallets:create: createCustomerWallet
wallets:update: updateCustomerWallet
wallets:terminate: terminateCustomerWallet
wallets:top_up: createCustomerWalletTransaction
invoices:view: invoices customerInvoices invoice downloadInvoice feeExplanation
invoices:create: createInvoice fetchDraftInvoiceTaxes
invoices:update: updateInvoice finalizeInvoice refreshInvoice retryInvoice loseInvoiceDispute retryTaxProviderVoiding
invoices:update: retryAllInvoices finalizeAllInvoices generatePaymentUrl createAdjustedFee previewAdjustedFee
invoices:update: destroyAdjustedFee
invoices:send: retryInvoicePayment retryAllInvoicePayments resendInvoiceEmail
invoices:void: voidInvoice
invoices:export: createInvoicesDataExport
credit_notes:send: resendCreditNoteEmail
payments:view: payments payment paymentRequests
payments:create: createPayment createPaymentRequest
credit_notes:view: creditNotes invoiceCreditNotes creditNote downloadCreditNote
credit_notes:create: creditNoteEstimate createCreditNote
credit_notes:update: updateCreditNote retryTaxReporting
credit_notes:void: voidCreditNote
credit_notes:export: createCreditNotesDataExport
dunning_campaigns:view: dunningCampaigns dunningCampaign
dunning_campaigns:create: createDunningCampaign
dunning_campaigns:update: updateDunningCampaign
dunning_campaigns:delete: destroyDunningCampaign
analytics:view: grossRevenues overdueBalances invoiceCollections invoicedUsages mrrs usages
organization:integrations:view|customers:view: paymentProviders integrations
organization:integrations:view: paymentProvider integration integrationItems integrationSubsidiaries
organization:integrations:create: addStripePaymentProvider addAdyenPaymentProvider addGocardlessPaymentProvider
organization:integrations:update: updateStripePaymentProvider updateAdyenPaymentProvider
organization:integrations:update: updateGocardlessPaymentProvider syncIntegrationInvoice syncIntegrationCreditNote
organization:integrations:update: syncHubspotIntegrationInvoice syncSalesforceInvoice
organization:integrations:delete: destroyPaymentProvider
portal: customerPortalUser customerPortalOrganization customerPortalSubscriptions customerPortalSubscription
portal: customerPortalCustomerUsage customerPortalCustomerProjectedUsage customerPortalWallets customerPortalWallet
portal: customerPortalInvoices customerPortalInvoiceCollections customerPortalOverdueBalances
portal: downloadCustomerPortalInvoice generateCustomerPortalPaymentUrl createCustomerPortalWalletTransaction
portal: updateCustomerPortalCustomer
"""

_OWN_OPERATIONS = """
public: googleAuthAvailable googleIdentity googleProve
session: logout
member: search
developers:manage: jobs jobCounts retryJob emails email openAuditFindingsCount
customers:view: usageExplanation
invoices:view: previewNextInvoices
plans:view: priceTrials
plans:create: planTemplates
invoices:export|credit_notes:export: dataExports dataExport
subscriptions:create: previewSubscription
subscriptions:view|customers:view: alerts alert
subscriptions:update: createSubscriptionAlert
wallets:update: createCustomerWalletAlert
subscriptions:update|wallets:update: updateAlert destroyAlert
subscriptions:update: previewSubscriptionUpdate previewSubscriptionTermination
invoices:view: invoiceCounts
invoices:delete: destroyInvoice
authentication_methods:view: oktaIntegration
organization:integrations:delete authentication_methods:update: destroyOktaIntegration
"""
"""Beyond §6.2: the outbox, its jobs and the e-mails are developers' as webhooks are (§7.9), counts are what their lists
are, usage is explained to who sees usage, the search bar is on every member's page (§7.3), previews need what the
change itself needs, prices are tried out on a plan's page; alerts need what their
subscription or wallet does."""


def _operations(text: str) -> dict[str, tuple[frozenset[str], ...]]:
    found: dict[str, tuple[frozenset[str], ...]] = {}
    for line in text.strip().splitlines():
        needed, _, names = line.rpartition(": ")
        groups = tuple(frozenset(group.split("|")) for group in needed.split())
        for name in names.split():
            assert name not in found, name
            found[name] = groups
    return found


OPERATIONS = _operations(_OPERATIONS) | _operations(_OWN_OPERATIONS)
"""Name -> what it needs: every one of the sets, of each set any one."""


def may_call(operation: str, role: str) -> bool:
    """Whether a member with that role alone may call it."""
    groups = OPERATIONS[operation]
    if groups[0] & {PUBLIC, SESSION, MEMBER}:
        return True
    return groups[0] != {PORTAL} and all(role in roles_with(*group) for group in groups)


# --- pages ----------------------------------------------------------------------------------------------------------

_PAGES = """
GET /: member
GET /search: member
GET /clock: member
POST /clock: developers:manage
GET /analytics: analytics:view
GET /customers: customers:view
GET /customer/{}: customers:view
GET POST /create/customer: customers:create
GET POST /customer/{}/edit: customers:update
GET POST /customer/{}/assign-plan: subscriptions:create
POST /customer/{}/assign-plan/preview: subscriptions:create
GET /customer/{}/overview: customers:view
GET /customer/{}/portal: customers:view
GET /customer/{}/subscriptions: subscriptions:view
GET /customer/{}/invoices: invoices:view
GET /customer/{}/next-invoices: invoices:view
GET /customer/{}/usage: customers:view
GET /customer/{}/coupons: coupons:view
POST /customer/{}/coupons: coupons:attach
POST /customer/{}/coupons/{}/remove: coupons:detach
GET /customer/{}/payments: payments:view
GET /customer/{}/analytics: analytics:view
GET /customer/{}/information: customers:view
GET /customer/{}/settings: customers:view
POST /customer/{}/settings: customers:update
POST /customer/{}/settings/remove: customers:update
POST /customer/{}/delete: customers:delete
GET /customer/{}/wallets: customers:view
GET POST /customer/{}/wallet/create: wallets:create
GET /wallet-price: wallets:create
GET /wallet/{}: customers:view
GET POST /wallet/{}/edit: wallets:update
GET POST /wallet/{}/top-up: wallets:top_up
GET POST /wallet/{}/void: wallets:top_up
GET /wallet/{}/price: wallets:top_up
POST /wallet/{}/terminate: wallets:terminate
GET /subscriptions: subscriptions:view
GET /subscription/{}: subscriptions:view
GET /subscription/{}/charge/{}/explain: customers:view
GET POST /subscription/{}/terminate: subscriptions:update
GET /subscription/{}/usage: subscriptions:view
GET POST /subscription/{}/alerts/create: subscriptions:update
GET POST /wallet/{}/alerts/create: wallets:update
GET POST /alert/{}/edit: subscriptions:update|wallets:update
POST /alert/{}/delete: subscriptions:update|wallets:update
GET POST /subscription/{}/edit: subscriptions:update
POST /subscription/{}/edit/preview: subscriptions:update
GET POST /subscription/{}/change-plan: subscriptions:create
POST /subscription/{}/change-plan/preview: subscriptions:create
GET /invoices: invoices:view
GET /invoices/{}: invoices:view
GET /invoice/{}: invoices:view
GET /invoice/{}.pdf: invoices:view
GET /fee/{}/explain: invoices:view
POST /invoices/export: invoices:export
GET /exports: invoices:export|credit_notes:export
POST /invoice/{}/refresh: invoices:update
POST /invoice/{}/finalize: invoices:update
GET POST /invoice/{}/fees/{}: invoices:update
POST /invoice/{}/fees/{}/preview: invoices:update
POST /invoice/{}/fees/{}/reset: invoices:update
POST /invoice/{}/payment-status: invoices:update
POST /invoice/{}/dispute: invoices:update
GET POST /invoice/{}/void: invoices:void
POST /invoices/finalize: invoices:update
POST /invoices/retry: invoices:update
POST /invoices/collect: invoices:send
POST /invoice/{}/retry: invoices:update
POST /invoice/{}/collect: invoices:send
POST /invoice/{}/payment-link: invoices:update
POST /invoice/{}/delete: invoices:delete
GET POST /invoice/{}/metadata: invoices:update
GET POST /invoice/{}/send: invoices:send
GET POST /credit-note/{}/send: credit_notes:send
GET /invoice/{}/payments: payments:view
GET /invoice/{}/credit-notes: credit_notes:view
GET POST /invoice/{}/credit-notes/create: credit_notes:create
POST /invoice/{}/credit-notes/estimate: credit_notes:create
GET /customer/{}/credit-notes: credit_notes:view
GET /credit-notes: credit_notes:view
POST /credit-notes/export: credit_notes:export
GET /credit-note/{}: credit_notes:view
GET /credit-note/{}.pdf: credit_notes:view
POST /credit-note/{}/void: credit_notes:void
POST /credit-note/{}/refund: credit_notes:update
GET POST /credit-note/{}/metadata: credit_notes:update
GET POST /customer/{}/one-off: invoices:create
POST /customer/{}/one-off/lines: invoices:create
POST /customer/{}/one-off/estimate: invoices:create
GET /payments: payments:view
GET /payment/{}: payments:view
GET /invoice/{}/payments/create: payments:create
POST /invoice/{}/payments: payments:create
GET /plans: plans:view
GET /plan/{}: plans:view
GET /plan/{}/subscriptions: subscriptions:view
GET POST /create/plan: plans:create
GET POST /plan/{}/edit: plans:update
GET POST /plan/{}/entitlements: plans:update
GET /features: features:view
GET /feature/{}: features:view
GET POST /create/feature: features:create
GET POST /feature/{}/edit: features:update
POST /feature/{}/privilege/remove: features:update
POST /feature/{}/delete: features:delete
GET /subscription/{}/entitlements: subscriptions:view
GET POST /subscription/{}/entitlements/edit: subscriptions:update
POST /subscription/{}/entitlements/remove: subscriptions:update
POST /subscription/{}/entitlements/restore: subscriptions:update
POST /plan/{}/delete: plans:delete
GET /billable-metrics: billable_metrics:view
GET /billable-metric/{}: billable_metrics:view
GET POST /create/billable-metric: billable_metrics:create
GET POST /billable-metric/{}/edit: billable_metrics:update
POST /billable-metric/{}/delete: billable_metrics:delete
GET /add-ons: addons:view
GET /add-on/{}: addons:view
GET POST /create/add-on: addons:create
GET POST /add-on/{}/edit: addons:update
POST /add-on/{}/delete: addons:delete
GET /coupons: coupons:view
GET /coupon/{}: coupons:view
GET POST /create/coupon: coupons:create
GET POST /coupon/{}/edit: coupons:update
POST /coupon/{}/terminate: coupons:update
POST /coupon/{}/delete: coupons:delete
POST /coupon/{}/applied/{}/remove: coupons:detach
GET /developers: developers:manage|developers:keys:manage
GET POST /developers/keys: developers:keys:manage
GET POST /developers/keys/{}: developers:keys:manage
GET /developers/keys/new: developers:keys:manage
POST /developers/keys/{}/rotate: developers:keys:manage
POST /developers/keys/{}/delete: developers:keys:manage
GET POST /developers/webhooks: developers:manage
GET /developers/webhooks/new: developers:manage
GET /developers/webhooks/{}: developers:manage
GET POST /developers/webhooks/{}/edit: developers:manage
POST /developers/webhooks/{}/delete: developers:manage
GET /developers/webhooks/{}/log/{}: developers:manage
POST /developers/webhooks/{}/log/{}/retry: developers:manage
GET /developers/events: developers:manage
GET /developers/emails: developers:manage
GET /developers/jobs: developers:manage
POST /developers/jobs/{}/retry: developers:manage
GET /developers/api-logs: developers:manage
GET /developers/activity-logs: audit_logs:view
GET /developers/audit: developers:manage
GET /developers/api: developers:manage
GET /developers/graphql: developers:manage
GET POST /settings/general: organization:view organization:update
POST /settings/logo: organization:update
GET POST /settings/invoices: organization:invoices:view organization:invoices:update
GET POST /settings/emails: organization:emails:view organization:emails:update
GET /settings/emails/preview: organization:emails:view
GET POST /settings/authentication: authentication_methods:view authentication_methods:update
GET POST /settings/authentication/okta: authentication_methods:view authentication_methods:update
POST /settings/authentication/okta/delete: authentication_methods:update
GET POST /settings/taxes: organization:taxes:view organization:taxes:update
GET /settings/taxes/new: organization:taxes:update
POST /settings/taxes/eu: organization:taxes:update
GET POST /settings/taxes/{}: organization:taxes:update
POST /settings/taxes/{}/delete: organization:taxes:update
GET /settings/members: organization:members:view
POST /settings/members/invite: organization:members:create
POST /settings/members/{}: organization:members:update
POST /settings/members/{}/revoke: organization:members:delete
POST /settings/invites/{}: organization:members:update
POST /settings/invites/{}/revoke: organization:members:delete
GET POST /settings/sandboxes: member
GET /settings/sandboxes/new: member
GET POST /settings/sandboxes/reset: developers:manage
GET POST /settings/sandboxes/delete: developers:manage
"""
"""Verbs and address below the organization's slug -> permission; where there are two, the first is GET's."""
SETTINGS = frozenset(
    name
    for name in ROLES
    if name in ("organization:view", "authentication_methods:view")
    or (name.startswith("organization:") and name.endswith(":view"))
)
"""Any of these shows the entry (§7.1) and opens its first page."""


def _pages() -> dict[tuple[str, str], frozenset[str]]:
    found = {("GET", "/settings"): SETTINGS}
    for line in _PAGES.strip().splitlines():
        head, _, needed = line.partition(": ")
        *verbs, path = head.split()
        alternatives = needed.split()
        for verb, names in zip(verbs, alternatives * (3 - len(alternatives)), strict=False):
            found[verb, path] = frozenset(names.split("|"))
    return found


PAGES = _pages()


def page_needs(method: str, path: str) -> frozenset[str] | None:
    """Any one of these opens the page; ``None`` if nothing is written down for it."""
    return PAGES.get((method, re.sub(r"\{[^}]*\}", "{}", path.replace("/{tab}", ""))))


def may_open(method: str, path: str, role: str) -> bool:
    needs = page_needs(method, path)
    assert needs is not None, f"write down in tests/access/matrix.py what spec 07 §7 says of {method} {path}"
    return needs == {MEMBER} or role in roles_with(*needs)
