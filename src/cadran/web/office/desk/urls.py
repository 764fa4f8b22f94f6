"""The addresses of the pages of deeds."""

from __future__ import annotations

from django.urls import URLPattern, path

from cadran.web.office.desk import clock, deck_reports, decks, money, partners, prompts, rerating, terms, vouchers

urlpatterns: list[URLPattern] = [
    path("money/", money.listed, name="money"),
    path("money/ask/", money.ask, name="money_ask"),
    path("money/<str:proposal_id>/", money.shown, name="money_one"),
    path("money/<str:proposal_id>/decide/", money.decide, name="money_decide"),
    path("terms/", terms.listed, name="terms"),
    path("terms/open/", terms.open_draft, name="terms_open"),
    path("terms/drafts/<str:draft_id>/", terms.draft, name="terms_draft"),
    path("terms/drafts/<str:draft_id>/preview/", terms.preview, name="terms_preview"),
    path("terms/drafts/<str:draft_id>/submit/", terms.submit, name="terms_submit"),
    path("terms/proposals/<str:proposal_id>/", terms.proposal, name="terms_proposal"),
    path("terms/proposals/<str:proposal_id>/decide/", terms.decide, name="terms_decide"),
    path("decks/", decks.listed, name="decks"),
    path("decks/upload/", decks.upload, name="deck_upload"),
    path("decks/<str:brand>/<str:name>/<str:version>/", decks.deck, name="deck"),
    path("decks/<str:brand>/<str:name>/<str:version>/activate/", decks.activate, name="deck_activate"),
    path("decks/<str:brand>/<str:name>/<str:version>/impact/", deck_reports.impact, name="deck_impact"),
    path("decks/<str:brand>/<str:name>/<str:version>/check/", deck_reports.check, name="deck_check"),
    path("decks/<str:brand>/<str:name>/<str:version>/margin/", deck_reports.margin, name="deck_margin"),
    path("rerating/", rerating.listed, name="reratings"),
    path("rerating/preview/", rerating.preview, name="rerating_preview"),
    path("rerating/propose/", rerating.propose, name="rerating_propose"),
    path("rerating/<str:rerating_id>/", rerating.shown, name="rerating"),
    path("rerating/<str:rerating_id>/decide/", rerating.decide, name="rerating_decide"),
    path("vouchers/", vouchers.listed, name="vouchers"),
    path("vouchers/ask/", vouchers.ask, name="voucher_ask"),
    path("vouchers/tries/", vouchers.tries, name="voucher_tries"),
    path("vouchers/serial/<str:serial>/", vouchers.voucher, name="voucher"),
    path("vouchers/<str:batch_id>/", vouchers.batch, name="voucher_batch"),
    path("vouchers/<str:batch_id>/decide/", vouchers.decide, name="voucher_decide"),
    path("vouchers/<str:batch_id>/sheets/", vouchers.sheets, name="voucher_sheets"),
    path("vouchers/<str:batch_id>/issue/", vouchers.issue, name="voucher_issue"),
    path("vouchers/<str:batch_id>/block/", vouchers.block, name="voucher_block"),
    path("prompts/", prompts.listed, name="prompts"),
    path("prompts/<str:brand>/menus/<str:name>/", prompts.menu, name="prompt_menu"),
    path("prompts/<str:brand>/<str:language>/<str:name>/", prompts.prompt, name="prompt"),
    path("prompts/<str:brand>/<str:language>/<str:name>/sound.wav", prompts.sound, name="prompt_sound"),
    path("prompts/<str:brand>/<str:language>/<str:name>/replace/", prompts.replace, name="prompt_replace"),
    path("prompts/<str:brand>/<str:language>/<str:name>/remove/", prompts.remove, name="prompt_remove"),
    path("partners/", partners.listed, name="partners"),
    path("partners/<str:kind>/", partners.save, name="partner_save"),
    path("partners/<str:kind>/test/", partners.test, name="partner_test"),
    path("clock/", clock.clock, name="clock"),
]
