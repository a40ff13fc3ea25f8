"""The synthetic world that the mini networks learn from: people, voices, faces, speech."""
