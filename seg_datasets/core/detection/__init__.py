"""Detection: what a raw folder that nobody has declared seems to be, and what it does not tell.

`guess` makes a declaration and questions of it; `inspection` examines the folder under them.
"""
