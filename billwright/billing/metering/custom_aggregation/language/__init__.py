"""The restricted Python of custom aggregations (spec 01 §9.2): checker, compiler to closures, fold.

This package imports the standard library only and refers to itself only relatively, because the sandbox worker
loads it by path in a bare interpreter, without site-packages and without the rest of the product.
"""
