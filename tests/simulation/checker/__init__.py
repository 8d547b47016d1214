"""A second, slow and plain billing engine, written from the specification alone, to check the product's invoices.

It imports nothing of the product. Input: the history of what a driver asked for, in order, with the sandbox instants.
Output: the invoices, fees, credit notes and wallets that must exist at the end. ``books.Books`` is the entrance.
Amounts are cents; exact values are ``Fraction``.
"""
