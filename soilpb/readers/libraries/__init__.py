"""The big libraries that a network learns from: fetched, checked, converted to a grid, kept.

``fetch`` downloads what may not be shipped; ``limesoda``, ``lucas`` and ``ossl`` each read one publisher's
layout by name and join spectra with laboratory values. ``large_tables`` reads wide tables in chunks and
resamples them meanwhile, ``cache`` keeps the result, and ``checks`` says whether a library is complete.
"""
