"""Readers: from files to :class:`soilpb.spectra.SoilSpectra`, each in its own module."""
