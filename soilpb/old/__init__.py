"""Sentences that move into the chapters."""
