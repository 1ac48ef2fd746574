"""Files that may be anything: looked at before they are opened, written whole or not at all."""
