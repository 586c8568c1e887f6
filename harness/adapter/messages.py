"""python-can's messages and our frames, one into the other."""

from __future__ import annotations

from can import CanOperationError, Message

from harness.errors import BusError
from harness.frames import FD_LENGTHS, ErrorFrame, Frame, Received, check_frame


def frame_of(message: Message, *, fd: bool) -> Frame:
    """The frame that a message asks for; fd: whether the channel speaks CAN FD.

    Raises ``can.CanOperationError`` for what no bus would carry: an error frame, a payload that does not have the
    length of its DLC, an identifier of too many bits, CAN FD on a classic channel.

    >>> frame_of(Message(arbitration_id=0x123, is_extended_id=False, data=b"\\x01"), fd=False)
    Frame(id=291, data=b'\\x01', extended=False, fd=False, brs=False, esi=False, remote=False, length=0)
    """
    if message.is_error_frame:
        raise CanOperationError("an error frame cannot be sent: it is what controllers do when they see an error")
    remote = bool(message.is_remote_frame)
    if not remote and len(message.data) != message.dlc:
        raise CanOperationError(
            f"message 0x{message.arbitration_id:X} has {len(message.data)} bytes but says {message.dlc}; "
            f"a CAN FD payload has {', '.join(map(str, FD_LENGTHS[8:]))} bytes where it has more than 7"
        )
    frame = Frame(
        message.arbitration_id,
        b"" if remote else bytes(message.data),
        extended=bool(message.is_extended_id),
        fd=bool(message.is_fd),
        brs=bool(message.bitrate_switch),
        esi=bool(message.error_state_indicator),
        remote=remote,
        length=message.dlc if remote else 0,
    )
    try:
        check_frame(frame, fd=fd)
    except BusError as error:
        raise CanOperationError(str(error)) from error
    return frame


def message_of(seen: Received | ErrorFrame, epoch_ns: int, *, own: bool = False) -> Message:
    """What was seen on a channel as a message. epoch_ns: the world's time 0 as Unix time, ns."""
    stamp, channel = (epoch_ns + seen.time) / 1e9, seen.channel
    if isinstance(seen, ErrorFrame):
        return Message(timestamp=stamp, is_error_frame=True, is_extended_id=False, channel=channel)
    message = message_to_send(seen.frame)
    message.timestamp, message.channel, message.is_rx = stamp, channel, not own
    return message


def message_to_send(frame: Frame) -> Message:
    """A frame as a message without time and channel. Made anew each time: some interfaces change what they send.

    >>> message_to_send(Frame(0x123, b"\\x01")).dlc
    1
    """
    return Message(
        arbitration_id=frame.id,
        is_extended_id=frame.extended,
        is_remote_frame=frame.remote,
        is_fd=frame.fd,
        bitrate_switch=frame.brs,
        error_state_indicator=frame.esi,
        dlc=frame.length if frame.remote else len(frame.data),
        data=frame.data,
    )
