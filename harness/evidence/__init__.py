"""What a run leaves behind for a reviewer: events, verdicts, Allure results, the requirement matrix, the report."""
