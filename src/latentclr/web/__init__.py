"""What both pages share: how a server is started and what it refuses."""
