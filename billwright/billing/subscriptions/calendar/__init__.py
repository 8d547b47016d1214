"""The billing calendar: pure date and proration rules of subscriptions (spec 03 §3-§6, §8.2). No database.

Reading order: ``timezones`` (local days to instants), ``periods`` (plan periods), ``terms`` (what of a subscription
decides its dates), ``windows`` (the windows of an invoice row), ``days``/``subscription_fee``/``trial`` (the fee),
``due`` (when to bill), ``starts`` (start, ending and alert dates), ``termination`` (what an ended period gives back),
``prices`` (upgrade or downgrade).

Instants are timezone-aware; those returned are UTC with microseconds. Zones are IANA names. To rebuild the windows of
an existing invoice, use the timezone stored on that invoice, not the customer's present one.
"""
