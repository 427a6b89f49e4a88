"""Tests of soilpb.readers."""
