"""Whether the words that an explorer draws as `Labels` can be read."""

from dlkit.widgets.labels import render


def expect_words_apart(explorer):
    """Every label lies inside the picture, and none on another; boxes may share 4 pixels' edge."""
    wide, high = (100 * side for side in explorer.size)
    boxes = []
    for label in explorer.labels._labels:
        height, width = render(label.text, label.style, 100).shape[:2]
        left, low = 100 * label.x - label.style.anchor * width, 100 * label.y - height / 2
        boxes.append((label.text, left, low, left + width, low + height))
    for text, left, low, right, top in boxes:
        assert min(left, low) >= 0, text
        assert right <= wide, text
        assert top <= high, text
    for i, (text, left, low, right, top) in enumerate(boxes):
        for other, left2, low2, right2, top2 in boxes[:i]:
            apart = right <= left2 or right2 <= left or top <= low2 + 4 or top2 <= low + 4
            assert apart, (text, other)


def expect_words_apart_where_it_is_moved(explorer):
    """The same of an explorer one draws for: as it is, and with its drawing moved."""
    expect_words_apart(explorer)
    explorer.set(right=4, down=-3)
    expect_words_apart(explorer)
