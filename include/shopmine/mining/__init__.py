"""One module or package a model; `registry` lists them."""
