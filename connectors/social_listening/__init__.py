"""Who spoke of us in public: one file per social network."""
