"""The product's addresses and the view that does nothing."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class NothingView(APIView):
    """Answers 202 at once: what the server, Django and DRF cost by themselves."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        """Answer."""
        return Response({"accepted": 1}, status=202)


urlpatterns = [path("bench/nothing", NothingView.as_view()), path("", include("config.urls"))]
