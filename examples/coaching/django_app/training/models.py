import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Level


class CoachingSession(models.Model):
    """A conversation with the coach, from its first message until its owner ends it."""

    # Random, so that an id tells nothing about the sessions of others.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="coaching_sessions"
    )
    topic = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    duration_seconds = models.FloatField(null=True, editable=False)

    class Meta:
        ordering = ("-started_at",)
        indexes = (models.Index(fields=("user", "-started_at"), name="session_by_user"),)

    def end(self, now: datetime) -> None:
        """End the session, unless it has ended: the first end stands, whoever else asks."""
        duration = max(0.0, (now - self.started_at).total_seconds())
        CoachingSession.objects.filter(pk=self.pk, ended_at=None).update(
            ended_at=now, duration_seconds=duration
        )
        self.refresh_from_db(fields=("ended_at", "duration_seconds"))


class TrainingPlan(models.Model):
    """A plan for some weeks. The form of its content is `serializers.ContentSerializer`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="training_plans"
    )
    goal = models.CharField(max_length=200)
    level = models.CharField(max_length=20, choices=Level)
    weeks = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(24)]
    )
    content: Any = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("user", "-created_at"), name="plan_by_user"),)
