"""Other people's libraries for Python get tokens from Countersign and use them. One JSON object is printed for each flow."""

import traceback

import authlib_flows
import google_flows
import sender_flows
from common import print_outcome

for suite in authlib_flows, sender_flows, google_flows:
    for flow, attempt in suite.flows():
        try:
            attempt()
        except Exception:  # whatever it is, it is told
            print_outcome(suite.LIBRARY, flow, traceback.format_exc())
        else:
            print_outcome(suite.LIBRARY, flow, "")
