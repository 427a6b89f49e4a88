"""Tests of soilpb.evaluate."""
