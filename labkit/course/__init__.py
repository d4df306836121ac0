"""The whole course: its plan, and its build from notebooks to pages that work offline."""

from labkit.course.plan import Lesson, Plan, read_plan

__all__ = ["Lesson", "Plan", "read_plan"]
