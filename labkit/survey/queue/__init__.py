"""What is not read yet: a venue's list as a reading queue (`venue`), which paper a title means (`references`), papers added (`add`)."""
