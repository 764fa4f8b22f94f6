"""EasyDialer: an app in the browser that sets calls up, so that nobody dials an access number by hand."""
