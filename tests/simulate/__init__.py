"""Tests of the simulated soils."""
