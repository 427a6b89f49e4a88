"""Tests of soilpb.plots."""
