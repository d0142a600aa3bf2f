"""Mutants: one small fault at a time, which the committed vectors have to find. ``make mutation`` runs them all."""
