"""The commands of `duimetre`, one module each: `ajouter` declares it, its function runs it and gives the exit code.

Modules are light to import: what is heavy is imported by the function that needs it.
"""
