"""What tests share: servers, instances, a whole installation."""
