"""Tests of soilpb: one file a module, and those of the chapters, the book and the documents."""
