from typing import Any

from django.utils import timezone
from rest_framework import serializers

from training.models import CoachingSession, TrainingPlan


class CoachingSessionSerializer(serializers.ModelSerializer):
    ended = serializers.BooleanField(write_only=True, required=False)

    class Meta:
        model = CoachingSession
        fields = ("id", "topic", "started_at", "ended_at", "duration_seconds", "ended")

    def create(self, validated_data: dict[str, Any]) -> CoachingSession:
        validated_data.pop("ended", None)
        return super().create(validated_data)

    def update(self, instance: CoachingSession, validated_data: dict[str, Any]) -> CoachingSession:
        ended = validated_data.pop("ended", False)
        session = super().update(instance, validated_data) if validated_data else instance
        if ended:
            session.end(timezone.now())
        return session


class WorkoutSerializer(serializers.Serializer):
    day = serializers.CharField(max_length=40)
    title = serializers.CharField(max_length=200)
    minutes = serializers.IntegerField(min_value=0, max_value=24 * 60)
    details = serializers.CharField(max_length=2000, allow_blank=True)


class WeekSerializer(serializers.Serializer):
    focus = serializers.CharField(max_length=200)
    workouts = WorkoutSerializer(many=True)


class ContentSerializer(serializers.Serializer):
    """What the coach writes, and the form in which the screen reads it."""

    summary = serializers.CharField(max_length=4000, allow_blank=True)
    weeks = WeekSerializer(many=True, allow_empty=False)


class TrainingPlanSerializer(serializers.ModelSerializer):
    content = serializers.JSONField()

    class Meta:
        model = TrainingPlan
        fields = ("id", "goal", "level", "weeks", "content", "created_at")

    def validate_content(self, content: Any) -> dict[str, Any]:
        checked = ContentSerializer(data=content)
        checked.is_valid(raise_exception=True)
        return checked.validated_data
