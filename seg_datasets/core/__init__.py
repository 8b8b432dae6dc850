"""The engine, in the order data walks through it.

    classes → sample → sources → images → masks → facts → checks → splits → plan → write → ledger → builder

Each room imports only rooms to its left, no dataset and no recipe.
"""
