"""From what a teacher has (folders, archives, a platform's export) to one clean folder per submission."""
