"""The engine, in the order data walks through it.

    classes → sample → sources → images → masks → facts → looking → checks → splits → plan → write →
    ledger → survey → stated → config → manifest → report → workspace → builder

Each room imports only rooms before it, no dataset and no recipe. `survey` is all that comes before
writing; `verification` reads what was written. `printing` is of all rooms.
"""
