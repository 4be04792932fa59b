"""Dead letters in the admin: look, correct, replay, discard. Only the pipeline adds them, nobody deletes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dlq.forms import LetterForm
from dlq.models import DeadLetter
from dlq.payload import pretty
from dlq.replay import dry_run
from dlq.services import discard, edit
from dlq.tasks import request_replay

#: How many letters one action takes; the rest is left for the next.
MOST = 2000
_SHOWN_FAILURES = 20


@admin.register(DeadLetter)
class DeadLetterAdmin(admin.ModelAdmin):
    """The queue as an operator works through it."""

    form = LetterForm
    list_display = ["id", "project", "stage", "reason", "field", "what", "state", "attempts", "received_at"]
    list_filter = ["state", "reason", "stage", "project"]
    list_select_related = ["project"]
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["replay_letters", "discard_letters"]
    readonly_fields = [
        *("project", "stage", "reason", "field", "message", "payload", "lane", "state", "attempts"),
        *("received_at", "resolved_at", "resolved_by", "correction"),
    ]

    class Media:
        """Room for long payloads."""

        css = {"all": ["css/admin.css"]}

    def get_fields(self, request: HttpRequest, obj: DeadLetter | None = None) -> list[Any]:
        """Offer a correction while the letter is open, show it afterwards."""
        editable = obj is not None and _open(obj) and self.has_change_permission(request, obj)
        facts = ["project", "stage", "reason", "field", "message", "payload"]
        rest = ["lane", "state", "attempts", "received_at", "resolved_at", "resolved_by"]
        return [*facts, "corrected" if editable else "correction", *rest]

    @admin.display(description="message")
    def what(self, letter: DeadLetter) -> str:
        """Return the message, cut to a line."""
        return letter.message if len(letter.message) <= 80 else letter.message[:79] + "…"

    @admin.display(description="payload, as it came")
    def payload(self, letter: DeadLetter) -> SafeString:
        """Return the bytes as text."""
        return _as_block(letter.raw)

    @admin.display(description="correction")
    def correction(self, letter: DeadLetter) -> SafeString | str:
        """Return the corrected event, if there is one."""
        return _as_block(letter.edited) if letter.edited else "none"

    def save_model(self, request: HttpRequest, obj: DeadLetter, form: Any, change: bool) -> None:
        """Keep a correction beside the original bytes."""
        if _open(obj) and form.is_correction():
            edit(letter=obj, text=form.cleaned_data["corrected"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the pipeline makes dead letters."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DeadLetter | None = None) -> bool:
        """A discarded letter keeps its bytes."""
        return False

    @admin.action(description="Replay (dry run first)", permissions=["change"])
    def replay_letters(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Show what a replay would do, then do it."""
        if (confirmed := _confirmed(request)) is not None:
            count = request_replay(ids=confirmed, by=request.user.get_username())
            messages.success(request, f"Replaying {count}: the letters change their state as they pass.")
            return None
        ids = _chosen(queryset)
        verdict = dry_run(ids=ids)
        failures = list(verdict.failed.items())
        return self._ask(
            request,
            "admin/dlq/replay.html",
            {
                "ids": verdict.passed,
                "passed": len(verdict.passed),
                "failed": len(failures),
                "failures": failures[:_SHOWN_FAILURES],
            },
        )

    @admin.action(description="Discard", permissions=["change"])
    def discard_letters(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        """Ask, then mark the letters as discarded."""
        if (confirmed := _confirmed(request)) is not None:
            count = discard(ids=confirmed, by=request.user.get_username())
            messages.success(request, f"Discarded: {count}.")
            return None
        ids = _chosen(queryset)
        return self._ask(request, "admin/dlq/discard.html", {"ids": ids, "passed": len(ids)})

    def _ask(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Show a page that sends the same action again, confirmed."""
        site = self.admin_site.each_context(request)
        context |= {"action": request.POST["action"], "opts": self.model._meta, "most": MOST}
        context["selected"] = request.POST.getlist("_selected_action")[:1]
        return TemplateResponse(request, template, site | context)


def _open(letter: DeadLetter) -> bool:
    return letter.state == DeadLetter.State.NEW


def _as_block(data: bytes | memoryview) -> SafeString:
    return format_html('<pre class="payload">{}</pre>', pretty(bytes(data)))


def _chosen(queryset: QuerySet[DeadLetter]) -> list[int]:
    """Return the ids of the open letters among the chosen, oldest first."""
    still_open = queryset.filter(state=DeadLetter.State.NEW).order_by("id")
    return list(still_open.values_list("id", flat=True)[:MOST])


def _confirmed(request: HttpRequest) -> list[int] | None:
    """Return the ids that the confirmation page sent, or None where nobody was asked yet."""
    if "confirmed" not in request.POST:
        return None
    return [int(part) for part in request.POST["confirmed"].split(",") if part.isdecimal()][:MOST]
