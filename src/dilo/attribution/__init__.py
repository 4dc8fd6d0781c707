"""Which pixels a network's answer depends on."""
