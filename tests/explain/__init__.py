"""Tests of what models use."""
