"""What travels: sealed payloads and the codecs of circuits, noise models and results."""
