"""Values as people read them: in views, in messages, in short."""
