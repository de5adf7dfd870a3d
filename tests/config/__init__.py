"""Configuration: what a node folder says, and every fault in it by its place."""
