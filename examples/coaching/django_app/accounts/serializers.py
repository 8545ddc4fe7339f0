from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordRefused
from django.db import IntegrityError
from rest_framework import serializers
from rest_framework_simplejwt.exceptions import AuthenticationFailed
from rest_framework_simplejwt.serializers import TokenRefreshSerializer

from accounts.models import User


class RegisterSerializer(serializers.ModelSerializer):
    password = serializers.CharField(write_only=True, max_length=128, trim_whitespace=False)

    class Meta:
        model = User
        fields = ("id", "username", "password", "email")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        of_whom = User(username=attrs["username"], email=attrs.get("email", ""))
        try:
            validate_password(attrs["password"], of_whom)
        except PasswordRefused as refused:
            raise serializers.ValidationError({"password": refused.messages}) from refused
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        try:
            # In no transaction: hashing a password takes long, and SQLite has but one writer.
            return User.objects.create_user(**validated_data)
        except IntegrityError as taken:  # by another request, since the field was validated
            unique = User._meta.get_field("username").error_messages["unique"]
            raise serializers.ValidationError({"username": [unique]}) from taken


class ProfileSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ("id", "username", "email", "goal", "level", "weekly_hours")
        read_only_fields = ("id", "username")


class RefreshSerializer(TokenRefreshSerializer):
    """simplejwt's own, which would answer 500 to the token of a user who was deleted."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            return super().validate(attrs)
        except User.DoesNotExist as deleted:
            raise AuthenticationFailed(
                self.error_messages["no_active_account"], "no_active_account"
            ) from deleted
