"""Neighbours: samples that a split may not tear apart, told by look, by name and by place."""
