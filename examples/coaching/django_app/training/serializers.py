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


class TrainingPlanSerializer(serializers.ModelSerializer):
    content = serializers.JSONField()

    class Meta:
        model = TrainingPlan
        fields = ("id", "goal", "level", "weeks", "content", "created_at")

    def validate_content(self, content: Any) -> dict[str, Any]:
        if not isinstance(content, dict) or not isinstance(content.get("weeks"), list):
            raise serializers.ValidationError('Write an object with a list of "weeks".')
        return content
