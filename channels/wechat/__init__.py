"""WeChat's official account 公众号: what the platform posts to us, and what we send through it."""
