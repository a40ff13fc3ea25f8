"""Training at the paper's scale: PAD and three adapters on a frozen Stable Diffusion.

    python -m imagineid_train sd15 --base BASE --data DATA -o ADAPTERS

DATA is what ``imagineid_prepare`` writes; ADAPTERS is what ``imagineid weights pull --from`` takes.
"""
