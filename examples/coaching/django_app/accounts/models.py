from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator
from django.db import models


class Level(models.TextChoices):
    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class User(AbstractUser):
    """An athlete: who they are, and what the coach needs to know of them."""

    goal = models.CharField(max_length=200, blank=True)
    level = models.CharField(max_length=20, choices=Level, default=Level.BEGINNER)
    weekly_hours = models.PositiveSmallIntegerField(default=3, validators=[MaxValueValidator(40)])
